"""The experiment's config: its keys, its checks, its grid."""
