# What `cmake --install` puts where, and the Debian package that `cpack` makes of it.
set(doc_dir ${CMAKE_INSTALL_DATADIR}/doc/labctl)

install(TARGETS labctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

find_program(GZIP gzip REQUIRED)
add_custom_command(
  OUTPUT ${PROJECT_BINARY_DIR}/labctl.1.gz
  COMMAND ${GZIP} -9nc ${CMAKE_CURRENT_LIST_DIR}/labctl.1 > ${PROJECT_BINARY_DIR}/labctl.1.gz
  DEPENDS ${CMAKE_CURRENT_LIST_DIR}/labctl.1
  VERBATIM)
add_custom_target(labctl_man ALL DEPENDS ${PROJECT_BINARY_DIR}/labctl.1.gz)
install(FILES ${PROJECT_BINARY_DIR}/labctl.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

set(completion ${CMAKE_CURRENT_LIST_DIR}/completion)
install(FILES ${completion}/bash RENAME labctl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${completion}/zsh RENAME _labctl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${completion}/fish RENAME labctl.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

install(DIRECTORY labs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/labctl/labs)
install(FILES README.md DESTINATION ${doc_dir})
# The name that Debian's tools look for.
install(FILES LICENSE RENAME copyright DESTINATION ${doc_dir})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME labctl)
set(CPACK_PACKAGE_CONTACT "labctl developers <labctl@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "iproute2, nftables, tcpdump")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Reproduces the network of a multi-node Kubernetes cluster from real manifests:
network namespaces, veth pairs, bridges, VXLAN and nftables, with no cluster
and no container engine. Then it proves things about that network.")
include(CPack)
