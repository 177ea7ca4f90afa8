"""A small company whose data lies in six stores, and the question that needs five of them."""
