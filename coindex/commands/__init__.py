"""The commands of the on-device library, a module each."""
