"""From finished runs to the selected ones, their test scores, and how sure these are."""
