"""Exchange with other tools: NIR."""
