<?xml version="1.0"?>
<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->
<!-- From DocBook to man pages. The stylesheets come from the system's catalog, never from the network. -->
<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">
  <xsl:import href="http://docbook.sourceforge.net/release/xsl/current/manpages/docbook.xsl"/>

  <xsl:param name="man.output.quietly" select="1"/>
  <xsl:param name="man.authors.section.enabled" select="0"/>
  <xsl:param name="man.copyright.section.enabled" select="0"/>
  <xsl:param name="man.th.title.max.length" select="100"/>
  <!-- The same page whenever it is built. -->
  <xsl:param name="man.th.extra1.suppress" select="1"/>
  <xsl:param name="man.hyphenate.filenames" select="0"/>
  <xsl:param name="man.hyphenate.computer.inlines" select="0"/>
  <xsl:param name="man.endnotes.are.numbered" select="0"/>
  <xsl:param name="man.endnotes.list.enabled" select="0"/>
  <xsl:param name="refentry.meta.get.quietly" select="1"/>
  <xsl:param name="variablelist.term.break.after" select="0"/>
  <xsl:param name="variablelist.term.separator" select="', '"/>
</xsl:stylesheet>
