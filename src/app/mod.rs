//! What the screen knows.
