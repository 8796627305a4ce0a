"""A model as small as one can be: test_new_model.py adds this folder to a copy of the packages."""
