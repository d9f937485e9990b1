//! Pixels to the square RGB picture that the model sees.
