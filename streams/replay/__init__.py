"""Raw frames of past days, folded again by the same stages and put in the place of what the history holds."""
