"""What the tests stand on: throwaway servers, the real site as processes, installed tools."""
