"""What only a clone needs: execute and check notebooks, the site, tables of the documentation."""
