"""TFLite files that hold a whole menu: export, metadata, running, measuring."""
