"""Numbers and tensors to PNG, GIF and SVG; knows no model."""
