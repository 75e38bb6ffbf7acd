"""The pages as people meet them: in a real browser, at a real keyboard, beside real homes."""
