"""What a phone is given: the models and the built phone app. A wheel carries both as data of this package."""
