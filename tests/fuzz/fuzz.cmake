# labctl_fuzz(NAME LINK...): the target fuzz/NAME_fuzz.cc. Its corpus, fuzz/corpus/NAME and what other tests
# feed the same reader, is replayed as a unit test; with LABCTL_FUZZ (clang only, see ci/fuzz) NAME_fuzz also
# runs on input that libFuzzer makes up.
option(LABCTL_FUZZ "Build the fuzzers (needs clang)" OFF)
if(LABCTL_FUZZ)
  target_compile_options(labctl_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

function(labctl_fuzz name)
  cmake_parse_arguments(F "" "" "LINK" ${ARGN})
  add_executable(${name}_fuzz_replay fuzz/${name}_fuzz.cc fuzz/replay.cc)
  target_link_libraries(${name}_fuzz_replay PRIVATE labctl_options ${F_LINK})
  add_test(NAME ${name}_fuzz_replay
           COMMAND ${name}_fuzz_replay ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name} ${PROJECT_SOURCE_DIR}/labs)
  set_tests_properties(${name}_fuzz_replay PROPERTIES LABELS unit)
  if(LABCTL_FUZZ)
    add_executable(${name}_fuzz fuzz/${name}_fuzz.cc)
    target_link_libraries(${name}_fuzz PRIVATE labctl_options ${F_LINK})
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()

labctl_fuzz(manifest LINK labctl_manifest)
labctl_fuzz(dns LINK dns)
labctl_fuzz(json_path LINK labctl_report)
labctl_fuzz(h2 LINK mesh_http)
labctl_fuzz(stream LINK labctl_stream)
