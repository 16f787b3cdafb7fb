# The command line is no library: what of it is worth a test without a lab is compiled once more.
labctl_test(cli_journey_test unit
  SOURCES unit/cli_journey_test.cc ${PROJECT_SOURCE_DIR}/labctl/cli/journey.cc
          unit/cli_lab_difference_test.cc ${PROJECT_SOURCE_DIR}/labctl/cli/lab_difference.cc
  LINK netemu_model nlohmann_json::nlohmann_json)
