"""The project, and the small kernel that all four apps stand on."""
