"""Stand-ins for the carriers, over the wire: Twilio's Messages, an SMTP server, a push service.

    python -m carriers --folder FOLDER

They remember what they took, write it into books before they answer, and misbehave towards magic
recipients and when they are told to: docs/rehearsing.md. For tests, rehearsals and the rig that
breaks things; they listen on this machine only and call nobody else. Nothing of ours is imported
here, so that a fault in the product cannot hide in its own judge. `smtp` alone needs aiosmtpd,
which the requirements for development hold: it is imported when that carrier is asked for.
"""
