"""The code of the Snakefiles: params and resources of rules, names of files, and the steps before a call's jobs."""
