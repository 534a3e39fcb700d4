"""Tables, figures, prose and the page."""
