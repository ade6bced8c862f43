"""The directory of spincheck's SCons tool, a package so that an installed spincheck can be asked where it is.

``PyPackageDir("spincheck.scons_tool")`` in an SConstruct answers with this directory, which is what SCons
wants as a ``toolpath``. In the repository it is the ``site_scons/site_tools`` that SCons finds by itself.
"""
