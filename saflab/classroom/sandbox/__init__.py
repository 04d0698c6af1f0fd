"""Where submitted code runs: walls around it, and the messages that come out."""
