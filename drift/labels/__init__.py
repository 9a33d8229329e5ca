"""Labels, and precision and recall from them."""
