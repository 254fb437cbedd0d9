"""Reading media safely: the audio front end, images, and what is wrong with broken files."""
