// Runs before anything is drawn. A fade between two pages that is cut short, because the next page
// is slow or looks different, is no fault and nothing to report.
addEventListener("unhandledrejection", (event) => {
  if (/Transition was (aborted|skipped)/.test(event.reason?.message)) event.preventDefault();
});
