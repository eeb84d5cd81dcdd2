"""`--host` of the verbs that look: which hosts are asked, and how their answers are printed."""
