"""What a room and its devices say to each other, and the fold over it: messages, limits, entries; pure."""
