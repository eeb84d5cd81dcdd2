"""The processes of a job: started, watched, limited, captured, ended. Knows no configuration and no history."""
