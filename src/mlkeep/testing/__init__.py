"""What holds mlkeep to its promises, shipped so that authors of plugins can use it too."""
