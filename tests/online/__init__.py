"""The online store: its layout and the bulk writer, beside Feast's own."""
