foreach(module IN ITEMS ack appender highwater reader)
	sagad_unit_test(journal_${module} SOURCES journal_${module}.c LIBS sagad_journal)
endforeach()
sagad_unit_test(journal_answers SOURCES journal_answers.c LIBS sagad_journal_jetstream)
