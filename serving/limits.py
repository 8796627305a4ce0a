"""The bound of everything a client can ask for, in one place."""

NEIGHBOURS = 10  # k, where the client names none
MOST_NEIGHBOURS = 200
# Asked of the index beyond k: neighbours that left the library since it was built are passed over.
SPARE_NEIGHBOURS = 20

PAGE = 50
LARGEST_PAGE = 200
LONGEST_QUERY = 200  # characters
LONGEST_CURSOR = 8000  # characters; those of this API have at most about 5000

STATEMENT_SECONDS = 10  # a query of the catalog is cut off after that
