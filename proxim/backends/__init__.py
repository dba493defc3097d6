"""Where session state is kept beyond this process."""
