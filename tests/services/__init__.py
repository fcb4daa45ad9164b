"""The scoring service, over HTTP and in process."""
