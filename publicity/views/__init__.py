"""Pages for citizens. All of them work without JavaScript."""
