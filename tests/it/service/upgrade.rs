//! Another build takes over what is pinned, or says why it cannot.
