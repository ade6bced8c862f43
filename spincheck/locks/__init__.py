"""What is known of locks: tables of operations, roles and registrations as data, and their checked loader."""
