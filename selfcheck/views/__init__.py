"""Pages of the ledger, the official tables, the reports and the money paid off the platform."""
