"""What is said to whom: texts in five languages, dates, who writes, and how long it is as an SMS; pure."""
