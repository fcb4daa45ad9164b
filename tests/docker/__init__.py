"""Tests of the images' and the compose file's text: no container engine is needed."""
