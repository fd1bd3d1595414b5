// The version of the project, as pyproject.toml has it: tests/test_project.py compares them.
#pragma once

#define COINDEX_VERSION "0.2.0"
