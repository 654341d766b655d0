/* The archive in lib is f35d783d39ec5931. */
