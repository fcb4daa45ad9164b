"""
The console: pages in which people work on cases and see why something was decided.

``service`` is what uvicorn starts; ``routes`` says which page there is and who may open it; ``guard`` holds every
request to that; ``pages`` has a module a page. Templates are rendered here: a browser needs no script to work with it.
"""
