"""What a message says: what is known of an incident, put into sentences, and those into text and HTML; reads only."""
