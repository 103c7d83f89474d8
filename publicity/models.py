"""The public site keeps no tables of its own yet: it shows what the floors below hold."""
