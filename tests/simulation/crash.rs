//! The crash matrix: a driver is killed around every effect of every kind of operation, and what comes after it ends as it should.
