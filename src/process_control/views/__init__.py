"""What any entry point may see: values, no markup."""
