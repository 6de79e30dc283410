"""Claims that settle themselves: products, books of policies, reports of what happened, and settlement."""
