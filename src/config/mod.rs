//! Reading files and environment, with errors that name the line and what was expected.
