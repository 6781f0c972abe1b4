"""Tables: columns, files and data frames."""
