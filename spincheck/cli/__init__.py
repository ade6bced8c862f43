"""The command line: commands and options, what is written where, exit statuses."""
