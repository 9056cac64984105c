"""The status site: static pages of what is where, who put it there, and what needs somebody."""
