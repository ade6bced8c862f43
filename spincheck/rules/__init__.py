"""What each finding is called, how bad it is, and how it is said: one file per rule, and the registry over them."""
