"""What stays of a request and for how long: the ledger of what was done, and the clearing away of what was gathered."""
